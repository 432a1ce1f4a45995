declare const brand: unique symbol

/**
 * A value that may not be swapped for its neighbour of the same shape. Minted by one parser each; everywhere else the
 * type checker refuses the plain value.
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
