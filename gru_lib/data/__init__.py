"""Data for the chapters, one module a domain; nothing here needs a download unless it says so.

``synthetic`` makes sequences whose truth is known; ``series`` holds loads of the power grid and
cuts series into windows; ``text`` and ``music`` hold real text and real music that ship inside
installed packages; ``characters`` holds text for language models and turns characters into
numbers; ``article`` holds what the article prints that can be run. ``registry`` fetches the data
sets of the papers on request; ``stored`` keeps results on them.
"""
