"""Sub-commands of `atombench`, one module each: it declares the options and calls the package that does the work."""
