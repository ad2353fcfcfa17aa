"""The platform: everything that would serve another product as well."""

import atexit
import gc
import os

# Before anybody loads NumPy: a product of matrices is not split among threads of BLAS. Ours are small and many, threads
# that wait for each other cost more than they save, and a split product adds in another order. Work is parted among
# processes and threads of our own (matchmaking/engine.py).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Loading makes a million objects that stay, and the collector would look through them again and again: a tenth of each
# start. Set before the rest is loaded.
gc.set_threshold(50_000, 10, 10)
# At its end a process would look through them once more, to give back by the piece what the system takes back whole: a
# third of the time of a short command.
atexit.register(gc.freeze)
