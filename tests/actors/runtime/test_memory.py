"""A worker's memory stays together, however many threads take some."""

import subprocess
import sys
from textwrap import dedent

import pytest

#: Eight threads that all hold memory at once; then glibc tells its heaps (malloc_info(3)).
THREADS_THAT_HOLD_MEMORY = """
    import ctypes, threading
    from actors.runtime.worker import keep_memory_together

    {first}
    libc, together = ctypes.CDLL(None), threading.Barrier(9)
    libc.malloc.restype = ctypes.c_void_p

    def hold():
        libc.malloc(ctypes.c_size_t(50_000))
        together.wait()
        together.wait()

    for _ in range(8):
        threading.Thread(target=hold).start()
    together.wait()
    libc.fdopen.restype = ctypes.c_void_p
    told = ctypes.c_void_p(libc.fdopen(1, b"w"))
    libc.malloc_info(0, told)
    libc.fflush(told)
    together.wait()
"""


def heaps(first: str) -> int:
    """Run the threads in a process of their own; return how many heaps they had made."""
    program = dedent(THREADS_THAT_HOLD_MEMORY).format(first=first)
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return told.stdout.count("<heap nr=")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has malloc_info")
def test_the_threads_of_a_worker_share_two_heaps() -> None:
    assert heaps("keep_memory_together()") <= 2 < heaps("")
