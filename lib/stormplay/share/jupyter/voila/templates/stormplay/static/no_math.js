/* Stands where the front end expects MathJax: a page of prices has no formulas. */
window.MathJax = { Hub: { Config() {}, Configured() {}, Queue() {}, Register: { StartupHook() {}, MessageHook() {} } } };
