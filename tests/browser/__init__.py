"""Notebooks in a real browser: JupyterLab, Notebook 7 and Voila, driven by Chromium."""
