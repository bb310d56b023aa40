"""Data for the chapters, one module a domain; nothing here needs a download.

``synthetic`` makes sequences whose truth is known; ``text`` holds real text that ships
inside installed packages; ``characters`` holds text for language models and turns characters
into numbers; ``article`` holds what the article prints that can be run.
"""
