/**
 * How well one number tells two classes apart: the area under the ROC curve, which is the chance that a random member of
 * the one has a greater value than a random member of the other (Mann–Whitney), ties counting half. 0.5: not at all.
 */

/** 0 to 1; throws when a class is empty. */
export function rankAuc(ones: readonly number[], others: readonly number[]): number {
  if (ones.length === 0 || others.length === 0)
    throw new Error('a class without members cannot be told apart');
  const all = [
    ...ones.map((value) => ({ value, one: true })),
    ...others.map((value) => ({ value, one: false })),
  ].sort((a, b) => a.value - b.value);
  let rankSum = 0;
  for (let begin = 0; begin < all.length; ) {
    let end = begin;
    while (end < all.length && all[end]?.value === all[begin]?.value) end += 1;
    // Members with one value share the mean of their ranks, which are begin + 1 … end.
    const rank = (begin + 1 + end) / 2;
    for (let i = begin; i < end; i++) if (all[i]?.one) rankSum += rank;
    begin = end;
  }
  return (rankSum - (ones.length * (ones.length + 1)) / 2) / (ones.length * others.length);
}

/** What a classifier gets that may turn its answer round: max(AUC, 1 − AUC). */
export function separation(ones: readonly number[], others: readonly number[]): number {
  const auc = rankAuc(ones, others);
  return Math.max(auc, 1 - auc);
}
