// This page has work that is not saved.
curfew.markUnsaved(true);
