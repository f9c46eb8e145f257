"""What the Python servers share. A server is a script beside this folder: one model with one
protocol, as the C++ servers are. Nothing here uses anything of the tracer.

Scripts set sys.dont_write_bytecode before they import this: the sources may lie in a checkout, or
where the user may not write.
"""
