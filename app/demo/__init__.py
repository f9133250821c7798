"""`watchkeeper demo`: a real model meets a real year, and Watchkeeper watches. See docs/demo.md."""
