export const called: string = clock.name.length;
