"""Reads NDTiff data sets (Micro-Manager, Pycro-Manager) into wormio."""
