"""A service as tests run it: as an application, as a server on a socket of this process, or as a process."""
