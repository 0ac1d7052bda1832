/* What a figure says of the state that it shows: "fail" where a method visibly does what it must not. */

export const calm = (title, text) => ({ tone: "calm", title, text });
export const fail = (title, text) => ({ tone: "fail", title, text });
