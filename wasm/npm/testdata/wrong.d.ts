declare function broken(): Nothing;
