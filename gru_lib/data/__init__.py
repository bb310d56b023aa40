"""Data for the chapters, one module a domain; nothing here needs a download unless it says so.

``synthetic`` makes sequences whose truth is known. ``text``, ``characters``, ``reviews`` and
``translation`` hold language: names, running text, opinions, and the same thing said twice.
``series`` holds loads of the power grid and cuts series into windows, ``speech`` makes spoken words
and holds recorded ones, ``motion`` holds bodies that move, ``music`` Bach's chorales, and
``article`` what the article prints that can be run. ``registry`` fetches public data sets on
request (``python -m gru_lib.data`` on the command line); ``stored`` keeps results on them.
"""
