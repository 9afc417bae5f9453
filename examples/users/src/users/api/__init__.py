"""HTTP: what a client may ask, and how it is answered."""
