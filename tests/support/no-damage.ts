/** What `damageOf` gives for a soak that did none. */
export const NO_DAMAGE = {
  lost: 0,
  duplicated: 0,
  wrong: 0,
  outOfOrder: 0,
  innocentsCharged: 0,
  problems: [],
  leaked: [],
  growing: [],
} as const;
