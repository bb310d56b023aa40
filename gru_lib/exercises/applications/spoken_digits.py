"""Exercises of chapter 22, `spoken-digits`."""

import numpy as np

from gru_lib.exercises.checker import Exercise, WrongAnswer

# --- frames-to-the-end ----------------------------------------------------------------------


def frames_to_the_end(samples, size, hop):
    """Frames of a sound, shape (frames, size); zeros fill up the last one."""
    count = 1 + int(np.ceil((len(samples) - size) / hop))
    padded = np.zeros((count - 1) * hop + size)
    padded[: len(samples)] = samples
    return np.stack([padded[k * hop : k * hop + size] for k in range(count)])


def _whole_frames(samples, size, hop):
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop].copy()


def _always_one_more(samples, size, hop):
    count = 2 + (len(samples) - size) // hop
    padded = np.zeros((count - 1) * hop + size)
    padded[: len(samples)] = samples
    return _whole_frames(padded, size, hop)


def _filled_in_front(samples, size, hop):
    frames = frames_to_the_end(samples, size, hop)
    padded = np.zeros((len(frames) - 1) * hop + size)
    padded[len(padded) - len(samples) :] = samples
    return _whole_frames(padded, size, hop)


def _sound_cases(rng):
    # something is left over, nothing is, a hop that is no half of a frame
    sizes = ((11, 4, 2), (10, 4, 2), (9, 4, 3))
    return [(rng.normal(size=n).round(2), size, hop) for n, size, hop in sizes]


FRAMES_TO_THE_END = Exercise(
    name="applications/frames-to-the-end",
    chapter="spoken-digits",
    task="Cut a sound into frames without losing its end.",
    reference=frames_to_the_end,
    cases=_sound_cases,
    wrong_answers=(
        WrongAnswer(
            "whole frames only",
            _whole_frames,
            "The end is lost where the last samples do not fill a frame: fill it up with zeros.",
        ),
        WrongAnswer(
            "one frame too many",
            _always_one_more,
            "Where the last frame ends with the sound, nothing is left over: no further frame.",
        ),
        WrongAnswer(
            "no overlap",
            lambda samples, size, hop: frames_to_the_end(samples, size, size),
            "Your frames do not overlap: frame k begins at sample k * hop, not k * size.",
        ),
        WrongAnswer(
            "zeros in front",
            _filled_in_front,
            "Your zeros are in front of the sound, which moves every frame. Put them behind it.",
        ),
        WrongAnswer(
            "one frame a column",
            lambda samples, size, hop: frames_to_the_end(samples, size, hop).T,
            "Your frames are columns. Shape (frames, size): a frame is a row.",
        ),
    ),
    hints=(
        "Frame k holds the samples from k * hop up to k * hop + size.",
        "The last frame must reach the end: the smallest count with "
        "(count - 1) * hop + size >= len(samples).",
        "count = 1 + int(np.ceil((len(samples) - size) / hop)); write the samples into zeros of "
        "the length that count frames need, and cut that.",
    ),
)

# --- mel-corners ----------------------------------------------------------------------------


def mel_corners(bands, top):
    """Corners of bands even in mel, from 0 to top; shape (bands + 2,), in hertz."""
    highest = 2595 * np.log10(1 + top / 700)
    mel = np.linspace(0, highest, bands + 2)
    return 700 * (10 ** (mel / 2595) - 1)


def _natural_corners(bands, top):
    mel = np.linspace(0, 2595 * np.log10(1 + top / 700), bands + 2)
    return 700 * (np.exp(mel / 2595) - 1)


MEL_CORNERS = Exercise(
    name="applications/mel-corners",
    chapter="spoken-digits",
    task="Space the bands of a filterbank as the ear does.",
    reference=mel_corners,
    cases=lambda rng: [
        (int(bands), float(top))
        for bands, top in zip(rng.integers(3, 30, 3), rng.integers(2000, 9000, 3), strict=True)
    ],
    wrong_answers=(
        WrongAnswer(
            "even in hertz",
            lambda bands, top: np.linspace(0, top, bands + 2),
            "Your corners are even in hertz. Make them even in mel, and go back to hertz.",
        ),
        WrongAnswer(
            "peaks only",
            lambda bands, top: mel_corners(bands, top)[1:-1],
            "Those are the peaks. The first triangle also needs a left corner, 0, and the last a "
            "right one, top: bands + 2 corners.",
        ),
        WrongAnswer(
            "left in mel",
            lambda bands, top: 2595 * np.log10(1 + mel_corners(bands, top) / 700),
            "Those are mel. A spectrum has its columns in hertz: convert back.",
        ),
        WrongAnswer(
            "e instead of 10",
            _natural_corners,
            "log10 on the way there needs 10 ** on the way back, not exp.",
        ),
    ),
    hints=(
        "mel = 2595 log10(1 + hertz / 700). Solve it for hertz.",
        "hertz = 700 (10 ** (mel / 2595) - 1).",
        "np.linspace(0, mel of top, bands + 2), and then back to hertz.",
    ),
)

# --- log-of-silence -------------------------------------------------------------------------


def log_of_power(power, floor):
    """Natural logarithm of power; what is below the floor counts as the floor."""
    return np.log(np.maximum(power, floor))


def _only_zeros_replaced(power, floor):
    return np.log(np.where(power == 0, floor, power))


def _power_cases(rng):
    cases = []
    for frames, floor in ((1, 1e-3), (3, 1e-2), (2, 1e-6)):
        power = rng.uniform(0.05, 2, size=(frames, 4)).round(3)
        power[0, :2] = 0, floor / 7  # silence, and nearly
        cases.append((power, floor))
    return cases


LOG_OF_SILENCE = Exercise(
    name="applications/log-of-silence",
    chapter="spoken-digits",
    task="Take the logarithm of a sound that may be silent.",
    reference=log_of_power,
    cases=_power_cases,
    wrong_answers=(
        WrongAnswer(
            "zeros only",
            _only_zeros_replaced,
            "Zeros are cared for. But what is nearly silent still lies far below the floor: "
            "everything below it counts as the floor.",
        ),
        WrongAnswer(
            "floor added",
            lambda power, floor: np.log(power + floor),
            "You add the floor. log_mel does that, too, but it moves loud sounds a little. Here "
            "what is above the floor stays as it is.",
        ),
        WrongAnswer(
            "base 10",
            lambda power, floor: np.log10(np.maximum(power, floor)),
            "The floor is right. The natural logarithm was asked for: np.log.",
        ),
        WrongAnswer(
            "logarithm of one more",
            lambda power, floor: np.log1p(power),
            "log(1 + power) is never infinite, but it presses all that is quiet to almost zero: "
            "consonants are quiet. Use the floor.",
        ),
    ),
    hints=(
        "log(0) is minus infinity, and one of those makes every later mean infinite.",
        "Nothing may be smaller than the floor before the logarithm: np.maximum.",
    ),
)

# --- padding-share --------------------------------------------------------------------------


def padding_share(lengths, batch_size):
    """Share of padding in batches of like length, each as long as its longest."""
    ordered = np.sort(lengths)
    starts = range(0, len(ordered), batch_size)
    batches = [ordered[start : start + batch_size] for start in starts]
    steps = sum(len(batch) * batch.max() for batch in batches)
    return 1 - ordered.sum() / steps


def _as_they_come(lengths, batch_size):
    batches = [lengths[k : k + batch_size] for k in range(0, len(lengths), batch_size)]
    return 1 - lengths.sum() / sum(len(batch) * batch.max() for batch in batches)


def _mean_of_shares(lengths, batch_size):
    ordered = np.sort(lengths)
    batches = [ordered[k : k + batch_size] for k in range(0, len(ordered), batch_size)]
    return np.mean([1 - batch.mean() / batch.max() for batch in batches])


def _full_last_batch(lengths, batch_size):
    ordered = np.sort(lengths)
    batches = [ordered[k : k + batch_size] for k in range(0, len(ordered), batch_size)]
    return 1 - ordered.sum() / sum(batch_size * batch.max() for batch in batches)


def _length_cases(rng):
    cases = []
    for count, batch_size in ((7, 3), (8, 3), (11, 4)):
        lengths = rng.integers(4, 30, size=count)
        lengths[:3] = 31, 2, 17  # not in order
        cases.append((lengths, batch_size))
    return cases


PADDING_SHARE = Exercise(
    name="applications/padding-share",
    chapter="spoken-digits",
    task="Say how much of a bucketed epoch is padding.",
    reference=padding_share,
    cases=_length_cases,
    wrong_answers=(
        WrongAnswer(
            "as they come",
            _as_they_come,
            "Those are batches in the order given. Bucketing puts like lengths together: sort.",
        ),
        WrongAnswer(
            "as long as the longest of all",
            lambda lengths, batch_size: 1 - lengths.mean() / lengths.max(),
            "You pad everything to the longest of all. A batch is as long as its own longest.",
        ),
        WrongAnswer(
            "mean of shares",
            _mean_of_shares,
            "That is the mean of the batches' shares. Batches differ in size: add up the padding "
            "of all and divide by the steps of all.",
        ),
        WrongAnswer(
            "padding for each real step",
            lambda lengths, batch_size: 1 / (1 - padding_share(lengths, batch_size)) - 1,
            "You divided by the real steps. A share is of all steps, padding included.",
        ),
        WrongAnswer(
            "last batch full",
            _full_last_batch,
            "The last batch may hold fewer sequences; no row is made up for it.",
        ),
    ),
    hints=(
        "Sort the lengths and cut them into batches; a batch takes len(batch) * batch.max() steps.",
        "1 - real steps of all batches / steps of all batches.",
    ),
)

# --- nearest-stranger -----------------------------------------------------------------------


def accuracy_on_strangers(distances, words, speakers):
    """Share of words told by the nearest recording of others, for each speaker."""
    same_voice = speakers[:, None] == speakers
    nearest = np.where(same_voice, np.inf, distances).argmin(axis=1)
    right = words[nearest] == words
    return np.array([right[speakers == who].mean() for who in np.unique(speakers)])


def _nearest_but_itself(distances, words, speakers):
    itself = np.eye(len(words), dtype=bool)
    nearest = np.where(itself, np.inf, distances).argmin(axis=1)
    right = words[nearest] == words
    return np.array([right[speakers == who].mean() for who in np.unique(speakers)])


def _nearest_of_all(distances, words, speakers):
    right = words[distances.argmin(axis=1)] == words
    return np.array([right[speakers == who].mean() for who in np.unique(speakers)])


def _nearest_of_own(distances, words, speakers):
    other = (speakers[:, None] != speakers) | np.eye(len(words), dtype=bool)
    right = words[np.where(other, np.inf, distances).argmin(axis=1)] == words
    return np.array([right[speakers == who].mean() for who in np.unique(speakers)])


def _distance_cases(rng):
    """Points in a plane, gathered by voice and, less so, by word."""
    cases = []
    for people, count in ((3, 9), (4, 24), (3, 24)):
        speakers = rng.permutation(np.arange(count) % people)
        words = rng.permutation(np.arange(count) % 3)
        places = rng.normal(size=(count, 2)) + 1.5 * rng.normal(size=(people, 2))[speakers]
        places += 1.2 * np.array([[0, 0], [1, 2], [2, -1]])[words]
        distances = np.linalg.norm(places[:, None] - places, axis=2).round(2)
        cases.append((distances, words, speakers))
    return cases


NEAREST_STRANGER = Exercise(
    name="applications/nearest-stranger",
    chapter="spoken-digits",
    task="Repair a test on strangers that hears its own speakers.",
    reference=accuracy_on_strangers,
    cases=_distance_cases,
    wrong_answers=(
        WrongAnswer(
            "own voice allowed",
            _nearest_but_itself,
            "The nearest recording may be by the same speaker: then he is no stranger. Leave out "
            "everything that he said, not only the recording itself.",
        ),
        WrongAnswer(
            "itself allowed",
            _nearest_of_all,
            "Every recording is nearest to itself, and so always right. Leave out all recordings "
            "of its speaker.",
        ),
        WrongAnswer(
            "own voice only",
            _nearest_of_own,
            "The other way round: you search among the speaker's own recordings only.",
        ),
        WrongAnswer(
            "one number",
            lambda distances, words, speakers: np.mean(
                accuracy_on_strangers(distances, words, speakers)
            ),
            "That is one mean. A stranger is one case: give each speaker's share by itself.",
        ),
    ),
    hints=(
        "Whose recordings may be looked at when speaker 3 is the stranger?",
        "speakers[:, None] == speakers says for each pair whether it is one voice.",
        "np.where(same_voice, np.inf, distances) makes the own voice infinitely far.",
    ),
    broken="own voice allowed",
)

# --- where-the-word-ends --------------------------------------------------------------------


def both_last_states(output, lengths):
    """Each direction's state after its last real frame; (batch, 2 * hidden)."""
    hidden = output.shape[2] // 2
    rows = np.arange(len(output))
    forwards = output[rows, lengths - 1, :hidden]
    backwards = output[:, 0, hidden:]  # it reads from the end to step 0
    return np.concatenate([forwards, backwards], axis=1)


def _last_step(output, lengths):
    return output[:, -1]


def _both_at_the_end(output, lengths):
    return output[np.arange(len(output)), lengths - 1]


def _one_too_far(output, lengths):
    hidden = output.shape[2] // 2
    after = np.minimum(lengths, output.shape[1] - 1)
    forwards = output[np.arange(len(output)), after, :hidden]
    return np.concatenate([forwards, output[:, 0, hidden:]], axis=1)


def _directions_swapped(output, lengths):
    hidden = output.shape[2] // 2
    backwards = output[np.arange(len(output)), lengths - 1, hidden:]
    return np.concatenate([output[:, 0, :hidden], backwards], axis=1)


def _output_cases(rng):
    cases = []
    for batch, steps, hidden in ((2, 5, 1), (3, 6, 2), (4, 7, 3)):
        lengths = rng.integers(2, steps, size=batch)
        lengths[0] = steps
        output = rng.uniform(-1, 1, size=(batch, steps, 2 * hidden)).round(3)
        output[np.arange(steps) >= lengths[:, None]] = 0  # as pad_packed_sequence leaves it
        cases.append((output, lengths))
    return cases


WHERE_THE_WORD_ENDS = Exercise(
    name="applications/where-the-word-ends",
    chapter="spoken-digits",
    task="Repair a read-out that looks at the padding.",
    reference=both_last_states,
    cases=_output_cases,
    wrong_answers=(
        WrongAnswer(
            "last step of the batch",
            _last_step,
            "output[:, -1] is the last step of the batch: for a shorter word that is padding.",
        ),
        WrongAnswer(
            "both at the end",
            _both_at_the_end,
            "Right for the forward direction. The backward one has read only ONE frame there: it "
            "begins at the end, and has read everything at step 0.",
        ),
        WrongAnswer(
            "one step too far",
            _one_too_far,
            "The last real step of a word of n frames is step n - 1.",
        ),
        WrongAnswer(
            "directions swapped",
            _directions_swapped,
            "The first half of the features is the forward direction, the second the backward one.",
        ),
    ),
    hints=(
        "Each direction has its own last frame. Where does the backward one stop?",
        "Forward: step lengths - 1 of each row. Backward: step 0.",
        "output[np.arange(batch), lengths - 1, :hidden] and output[:, 0, hidden:].",
    ),
    broken="last step of the batch",
)

# --- error-over-speakers --------------------------------------------------------------------


def error_over_speakers(right, speakers):
    """Mean accuracy over speakers and its standard error, shape (2,)."""
    # a new voice is a new case; a new take of an old voice is not
    people = np.unique(speakers)
    shares = np.array([right[speakers == who].mean() for who in people])
    return np.array([shares.mean(), shares.std(ddof=1) / np.sqrt(len(shares))])


def _error_over_recordings(right, speakers):
    mean, _ = error_over_speakers(right, speakers)
    return np.array([mean, np.std(right, ddof=1) / np.sqrt(len(right))])


def _spread_of_speakers(right, speakers):
    mean, error = error_over_speakers(right, speakers)
    return np.array([mean, error * np.sqrt(len(np.unique(speakers)))])


def _divided_by_people(right, speakers):
    mean, error = error_over_speakers(right, speakers)
    people = len(np.unique(speakers))
    return np.array([mean, error * np.sqrt((people - 1) / people)])


def _voices_by_recordings(right, speakers):
    mean, error = error_over_speakers(right, speakers)
    return np.array([mean, error * np.sqrt(len(np.unique(speakers)) / len(right))])


def _right_cases(rng):
    cases = []
    for people, takes in ((3, 8), (6, 10), (4, 12)):
        speakers = rng.permutation(np.repeat(np.arange(people), takes))
        skill = np.linspace(0.3, 0.9, people)
        right = (rng.random(len(speakers)) < skill[speakers]).astype(float)
        right[speakers == 0] = np.arange(takes) % 4 == 0
        right[speakers == 1] = np.arange(takes) % 4 > 0
        cases.append((right, speakers))
    return cases


ERROR_OVER_SPEAKERS = Exercise(
    name="applications/error-over-speakers",
    chapter="spoken-digits",
    task="Say how sure an accuracy on strangers is.",
    reference=error_over_speakers,
    cases=_right_cases,
    wrong_answers=(
        WrongAnswer(
            "recordings as cases",
            _error_over_recordings,
            "Your mean is right. The error treats every recording as a case of its own; the takes "
            "of one voice stand and fall together. The cases are the speakers.",
        ),
        WrongAnswer(
            "divided by the recordings",
            _voices_by_recordings,
            "The spread over speakers is right, but there are only as many cases as speakers: "
            "divide by the root of THEIR number.",
        ),
        WrongAnswer(
            "spread instead of error",
            _spread_of_speakers,
            "That is how much single speakers differ. The error of their mean is smaller by the "
            "root of their number.",
        ),
        WrongAnswer(
            "n instead of n - 1",
            _divided_by_people,
            "With so few speakers n - 1 matters: ddof=1.",
        ),
    ),
    hints=(
        "First one number for each speaker: the share of right answers.",
        "Then the mean of these numbers, and their standard deviation (ddof=1) divided by the "
        "square root of how many speakers there are.",
    ),
)

EXERCISES = (
    FRAMES_TO_THE_END,
    MEL_CORNERS,
    LOG_OF_SILENCE,
    PADDING_SHARE,
    WHERE_THE_WORD_ENDS,
    NEAREST_STRANGER,
    ERROR_OVER_SPEAKERS,
)
