"""Compiled functions: machine code kept on disk for as long as nothing that it was made of changes.

`kept` compiles a function with numba and keeps the machine code (`cache`), under a mark of all that the function
reaches (`mark`). `fresh` compiles a function, and those that it calls, anew and with their indices checked (`fresh`).
"""
