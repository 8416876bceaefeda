declare const clock: { readonly name: string; tick(by: number): Promise<void> };
