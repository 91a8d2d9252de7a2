"""The command line: joins the parts; each command is a module that imports no torch by itself."""
