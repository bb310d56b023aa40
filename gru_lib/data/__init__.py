"""Data for the chapters, one module a domain; nothing here needs a download unless it says so.

``synthetic`` makes sequences whose truth is known; ``text`` and ``music`` hold real text and real
music that ship inside installed packages; ``speech`` makes spoken words and holds recorded ones;
``characters`` holds text for language models and turns
characters into numbers; ``article`` holds what the article prints that can be run. ``registry``
fetches the data sets of the papers on request (``python -m gru_lib.data`` on the command line);
``stored`` keeps results on them.
characters into numbers; ``motion`` holds bodies that move; ``article`` holds what the article
prints that can be run. ``registry`` fetches the data sets of the papers on request; ``stored``
keeps results on them.
``synthetic`` makes sequences whose truth is known, and ``translation`` sentences in two languages;
``text`` and ``music`` hold real text and real music that ship inside installed packages;
``characters`` holds text for language models and turns characters into numbers; ``article`` holds
what the article prints that can be run. ``registry`` fetches the data sets of the papers on
request; ``stored`` keeps results on them.
``synthetic`` makes sequences whose truth is known; ``series`` holds loads of the power grid and
cuts series into windows; ``text`` and ``music`` hold real text and real music that ship inside
installed packages; ``characters`` holds text for language models and turns characters into
numbers; ``article`` holds what the article prints that can be run. ``registry`` fetches the data
sets of the papers on request; ``stored`` keeps results on them.
"""
