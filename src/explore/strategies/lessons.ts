/**
 * So many executions at the beginning of a search tell a strategy what executions are like: how long, and who operates on
 * what. From then on it goes by that and learns no more, so later executions depend on their seeds and on these
 * alone, and every thread that shares a search comes to the same by executing them, too.
 */
export const LESSONS = 16;
