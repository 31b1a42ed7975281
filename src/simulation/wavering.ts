/** What operators do about partitions besides `grow`, which is no fault either; users' code is spared it. */
export type Wavering =
  /** The growth that is under way is called off. */
  | { readonly do: "call off" }
  /** The log gets so many times as many partitions as the map has, by its own tools. */
  | { readonly do: "add partitions"; readonly times: number };
