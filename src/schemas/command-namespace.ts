/** The namespace of every UUIDv5 that Tallyman makes. Never change it: ids made before would be made anew. */
export const tallymanNamespace = "575c7102-8095-4b68-ba57-a6983706ca65";
