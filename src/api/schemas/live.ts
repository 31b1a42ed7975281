import { Type } from "typebox";

export const LiveHeaders = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({
      description: "The id of the last event that was received; what is no id that was given counts as none",
      examples: ["2"],
    }),
  ),
});
