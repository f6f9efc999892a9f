/** Bounds the time of several matches together: each takes from what is left, and nothing is covered once none is. */
export interface Steps {
  left: number;
}
