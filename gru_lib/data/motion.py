"""Motion as joints over time: a stick figure whose truth is known, a watch, and people in films.

A clip is an array of shape (frames, joints, 2), x to the right and y up, unless said otherwise.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_generator, require_positive_integer
from gru_lib.data._packages import needed_by
from gru_lib.data.music import shuffle_steps
from gru_lib.data.registry import fetch

#: Joints of the stick figure, in the order of a clip.
JOINTS = ("head", "neck", "hip", "knee", "foot", "elbow", "hand")
#: Pairs of joints that a line joins in a drawing.
BONES = ((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6))
#: Actions of :func:`stick_figure_clips`; each odd one is the one before it, played backwards.
ACTIONS = (
    "sit down",
    "stand up",
    "clockwise",
    "anticlockwise",
    "bow, then raise",
    "raise, then bow",
)
#: Ways to hold the arm in :func:`arm_pose_clips`.
POSES = ("hand down", "hand forward", "hand up", "hand at the head")

# the joints of JHMDB that change places in a mirror: shoulders, hips, elbows, knees, wrists, ankles
_MIRRORED = [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13]
_THIGH, _SHIN, _TRUNK, _ARM = 0.45, 0.45, 0.5, 0.3
_NOISE = 0.02


class Clips(NamedTuple):
    """Clips with a class each.

    Parameters
    ----------
    clips : list of np.ndarray of float64, each of shape (frames, joints, 2)
        Any number of frames. Of :func:`basic_motions`: (frames, channels).
    classes : np.ndarray of int, shape (count,)
        Numbers of names.
    names : tuple of str
        What the classes are called.

    Examples
    --------
    >>> from gru_lib.data.motion import stick_figure_clips
    >>> data = stick_figure_clips(2, seed=0)
    >>> len(data.clips), data.clips[0].shape[1:], data.names[data.classes[-1]]
    (12, (7, 2), 'raise, then bow')
    """

    #: Positions of joints over time.
    clips: list[np.ndarray]
    #: Class numbers.
    classes: np.ndarray
    #: By class number.
    names: tuple[str, ...]


def stick_figure_clips(
    per_class: int, *, seed: int | np.random.Generator, tempo: float = 1.0
) -> Clips:
    """A stick figure, seen from the side, does one of six things that only order tells apart.

    The six :data:`ACTIONS` are three pairs. A clip of the second of a pair is a clip of the first,
    freshly drawn and played backwards, so that a single frame, drawn from a clip, has exactly the
    same distribution in both. Who does not see the order of frames is right half the time at best.

    Parameters
    ----------
    per_class : int
        Clips of each action, in the order of the actions.
    seed : int or np.random.Generator
        Decides everything random: the person's size and place, the tempo of every phase, the
        beginning of the circle, and the noise on every joint in every frame. Other seeds are
        other persons: training, validation and test sets have one each.
    tempo : float, default 1.0
        2.0 is twice as fast: half as many frames.

    Returns
    -------
    Clips
        Of about 40 to 70 frames at tempo 1.

    Raises
    ------
    TypeError, ValueError
        If ``per_class`` is not at least 1, the seed is none, or ``tempo`` is not above 0.

    Notes
    -----
    Sitting and standing: rest, move, rest. The hand's circle goes on all the time, from a random
    place. Bowing and raising the arm are symmetric in time, with rests of at least ten frames
    before, between and after, so that no short window sees both.

    Examples
    --------
    >>> from gru_lib.data.motion import stick_figure_clips
    >>> data = stick_figure_clips(3, seed=1)
    >>> data.classes.tolist()
    [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]
    """
    rng = require_generator(seed)
    per_class = require_positive_integer("per_class", per_class)
    if not tempo > 0:
        raise ValueError(f"tempo is {tempo}; expected a number above 0")
    classes = np.repeat(np.arange(len(ACTIONS)), per_class)
    clips = []
    for action in classes:
        postures = _POSTURES[action // 2](rng, tempo)
        clip = _film(postures, rng)
        clips.append(clip[::-1].copy() if action % 2 else clip)
    return Clips(clips, classes, ACTIONS)


def arm_pose_clips(per_class: int, *, seed: int | np.random.Generator) -> Clips:
    """A stick figure that stands and holds its arm in one of four ways: one frame tells all.

    The counterpart of :func:`stick_figure_clips`: the class shows in every frame, and the small
    movements, the same for all classes, say nothing. Each person holds the arm a little
    differently, but through the whole clip, so that more frames of it bring nothing new.

    Parameters
    ----------
    per_class : int
        Clips of each of the :data:`POSES`, in their order.
    seed : int or np.random.Generator
        Decides everything random.

    Returns
    -------
    Clips
        Of 40 to 70 frames.

    Raises
    ------
    TypeError, ValueError
        If ``per_class`` is not at least 1, or the seed is none.

    Examples
    --------
    >>> from gru_lib.data.motion import arm_pose_clips
    >>> arm_pose_clips(2, seed=0).classes.tolist()
    [0, 0, 1, 1, 2, 2, 3, 3]
    """
    rng = require_generator(seed)
    classes = np.repeat(np.arange(len(POSES)), require_positive_integer("per_class", per_class))
    clips = []
    for pose in classes:
        frames = int(rng.integers(40, 71))
        sway = 0.1 * np.sin(np.linspace(0, rng.uniform(6, 12), frames) + rng.uniform(0, 7))
        # between neighbouring poses lie 40 degrees; a person's own way has a deviation of 15
        shoulder = np.radians(40.0 * pose + rng.normal(0, 15)) + sway
        clips.append(_film(_postures(frames, shoulder=shoulder, bow=0.3 * sway), rng))
    return Clips(clips, classes, POSES)


def _rest(rng: np.random.Generator, tempo: float) -> np.ndarray:
    return np.zeros(max(1, round(rng.uniform(10, 16) / tempo)))


def _there(rng: np.random.Generator, tempo: float) -> np.ndarray:
    """From 0 to 1, slow at both ends."""
    return (1 - np.cos(np.linspace(0, np.pi, max(3, round(rng.uniform(16, 26) / tempo))))) / 2


def _there_and_back(rng: np.random.Generator, tempo: float) -> np.ndarray:
    """From 0 to 1 and back."""
    return np.sin(np.linspace(0, np.pi, max(3, round(rng.uniform(8, 12) / tempo)))) ** 2


def _sitting(rng: np.random.Generator, tempo: float) -> np.ndarray:
    sit = np.concatenate([_rest(rng, tempo), _there(rng, tempo), 1 + _rest(rng, tempo)])
    return _postures(len(sit), sit=sit)


def _circling(rng: np.random.Generator, tempo: float) -> np.ndarray:
    frames = max(3, round(rng.uniform(40, 62) / tempo))
    turn = -2 * np.pi * (rng.uniform() + np.arange(frames) * tempo * rng.uniform(1 / 24, 1 / 14))
    # the hand's circle in front of the shoulder, as the two angles of an arm make it
    return _postures(frames, shoulder=1.3 + 0.8 * np.cos(turn), elbow=0.9 + 0.9 * np.sin(turn))


def _bowing(rng: np.random.Generator, tempo: float) -> np.ndarray:
    first, second = _there_and_back(rng, tempo), _there_and_back(rng, tempo)
    rests = [_rest(rng, tempo) for _ in range(3)]
    bow = [rests[0], first, rests[1], 0 * second, rests[2]]
    raised = [rests[0], 0 * first, rests[1], second, rests[2]]
    bow, raised = np.concatenate(bow), np.concatenate(raised)
    return _postures(len(bow), bow=bow, shoulder=0.2 + 2.4 * raised)


_POSTURES = (_sitting, _circling, _bowing)


def _postures(
    frames: int,
    *,
    sit: ArrayLike = 0.0,
    bow: ArrayLike = 0.0,
    shoulder: ArrayLike = 0.2,
    elbow: ArrayLike = 0.3,
) -> np.ndarray:
    """Joints of a figure of height 1.6 in every frame, shape (frames, joints, 2).

    ``sit`` goes from 0 (standing) to 1, ``bow`` from 0 (upright) to 1; the angles of shoulder and
    elbow are in radians, 0 hanging down, positive to the front.
    """
    sit, bow, shoulder, elbow = (np.broadcast_to(v, frames) for v in (sit, bow, shoulder, elbow))
    foot = np.zeros((frames, 2))
    knee = foot + _SHIN * _towards(0.15 * sit)
    hip = knee + _THIGH * _towards(-1.45 * sit)
    neck = hip + _TRUNK * _towards(1.1 * bow + 0.6 * sit * (1 - sit))
    head = neck + 0.2 * _towards(1.3 * bow + 0.6 * sit * (1 - sit))
    arm = neck - _ARM * _towards(-shoulder)
    hand = arm - _ARM * _towards(-shoulder - elbow)
    return np.stack([head, neck, hip, knee, foot, arm, hand], axis=1)


def _towards(angle: np.ndarray) -> np.ndarray:
    """Unit vectors that lean forward from straight up by an angle, shape (frames, 2)."""
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def _film(postures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A person of random size at a random place, with noise on every joint."""
    clip = rng.uniform(0.7, 1.4) * postures + rng.uniform(-1, 1, size=2)
    return clip + rng.normal(0, _NOISE, size=clip.shape)


class Motions(NamedTuple):
    """Training and test clips, as :func:`basic_motions` and :func:`jhmdb_joints` return them.

    Parameters
    ----------
    train, test : Clips
        What to learn from, and what to report. Neither is scaled.

    Examples
    --------
    >>> from gru_lib.data.motion import basic_motions
    >>> motions = basic_motions()
    >>> len(motions.train.clips), len(motions.test.clips)
    (40, 40)
    """

    #: What to learn from.
    train: Clips
    #: What to report.
    test: Clips


def basic_motions() -> Motions:
    """Four things done with a watch on the wrist: 40 recordings to learn from and 40 for the test.

    Returns
    -------
    Motions
        Clips of shape (100, 6): ten seconds of a watch's accelerometer (x, y, z) and gyroscope
        (x, y, z), ten values a second. Ten clips of each class in either set.

    Raises
    ------
    ImportError
        If sktime is not installed.

    Notes
    -----
    Source: "BasicMotions" of the UEA archive of multivariate time series (Bagnall et al., 2018), in
    the archive's split, out of the package sktime (BSD-3), which ships it. Its header says that
    four students did every activity five times. The files do not name them, so that nobody can see
    in them whether a student is on both sides of the split.

    Examples
    --------
    >>> from gru_lib.data.motion import basic_motions
    >>> data = basic_motions().train
    >>> data.clips[0].shape, data.names
    ((100, 6), ('badminton', 'running', 'standing', 'walking'))
    """
    with needed_by("the data set BasicMotions", "sktime"):
        from sktime.datasets import load_basic_motions
    sets = []
    for split in ("train", "test"):
        x, labels = load_basic_motions(split=split, return_type="numpy3d")
        sets.append(_clips(list(x.transpose(0, 2, 1)), labels))
    return Motions(*sets)


def jhmdb_joints() -> Motions:
    """People in films, as 15 joints a frame: 14 everyday actions, among them sitting and standing.

    The files come from the data folder or, once, from the network (:func:`gru_lib.data.registry.\
fetch`): 433 clips to learn from and 176 for the test, of 15 to 40 frames.

    Returns
    -------
    Motions
        Clips of shape (frames, 15, 2). Here y goes down, as in an image, and the numbers are
        what the files hold, neither centred nor scaled any further.

    Raises
    ------
    OSError, ValueError
        If the files are neither there nor to be had; see :func:`gru_lib.data.registry.fetch`.

    Notes
    -----
    Jhuang et al. (2013) marked the joints by hand in clips of HMDB51; F. Yang's repository DD-Net
    holds them as read here: the first of three official splits, and 14 of the 21 actions. The
    files do not say from which film a clip is, so that nobody can see in them whether two clips
    of one film lie on both sides. No licence is stated for the annotations.

    Examples
    --------
    >>> from gru_lib.data.motion import jhmdb_joints
    >>> motions = jhmdb_joints()  # doctest: +SKIP
    """
    folder = fetch("jhmdb")
    sets = []
    for split in ("train", "test"):
        stored = load_array_pickle(folder / f"GT_{split}_1.pkl")
        sets.append(_clips(stored["pose"], stored["label"]))
    return Motions(*sets)


def load_array_pickle(path: str | Path) -> object:
    """Read a pickle that holds NumPy arrays, text, numbers and containers, and nothing else.

    A pickle is a program: an ordinary reader runs whatever it names, and so whatever its author, or
    who changed it on the way, wants. This reader knows three names, those that build an array, and
    refuses all others before anything runs. It reads what Python 2 wrote and what Python 3 writes
    in protocols 3 and 4.

    Parameters
    ----------
    path : path
        A file.

    Returns
    -------
    object
        What the file holds.

    Raises
    ------
    ValueError
        If the pickle names anything but NumPy's arrays, or is broken.

    Examples
    --------
    >>> import pathlib, pickle, tempfile
    >>> from gru_lib.data.motion import load_array_pickle
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "a.pkl")
    ...     _ = file.write_bytes(pickle.dumps(print))  # when read: the function print
    ...     load_array_pickle(file)
    Traceback (most recent call last):
    ...
    ValueError: a.pkl names builtins.print; only NumPy arrays are read from pickles here
    """
    path = Path(path)
    with path.open("rb") as file:
        reader = _ArraysOnly(file, encoding="latin1")
        reader.file_name = path.name
        try:
            return reader.load()
        except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError) as error:
            raise ValueError(f"{path.name} is no readable pickle ({error})") from error


class _ArraysOnly(pickle.Unpickler):
    """Builds arrays from a pickle, and refuses every other name."""

    file_name = ""

    def find_class(self, module: str, name: str) -> object:
        """What a name in the pickle stands for."""
        # NumPy 1 wrote numpy.core; NumPy 2 calls the same room numpy._core
        if (module, name) in (
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
        ):
            return _empty_array
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise ValueError(
            f"{self.file_name} names {module}.{name}; only NumPy arrays are read from pickles here"
        )


def _empty_array(kind: type, shape: tuple[int, ...], code: bytes | str) -> np.ndarray:
    """What NumPy's pickles begin an array with; its content is filled in afterwards."""
    return np.ndarray.__new__(kind, shape, code)


def _clips(clips: Sequence[ArrayLike], labels: Sequence[str]) -> Clips:
    names, classes = np.unique(np.asarray(labels), return_inverse=True)
    return Clips(
        [np.asarray(clip, dtype=np.float64) for clip in clips], classes, tuple(map(str, names))
    )


def normalise_body(clip: ArrayLike, *, centre: int | None = None) -> np.ndarray:
    """Put a body into the middle of every frame, and give it size 1 in the clip as a whole.

    Nothing is taken from other clips, so that there is nothing to split before.

    Parameters
    ----------
    clip : array_like, shape (frames, joints, 2)
        Positions of joints.
    centre : int, optional
        The joint that becomes the origin of every frame; by default the mean of all joints.

    Returns
    -------
    np.ndarray of float64, shape (frames, joints, 2)
        With a mean squared distance of the joints from the origin of 1.

    Raises
    ------
    ValueError
        If the clip has another number of axes, no frame, values that are not finite (a joint
        that was not seen), no such joint, or all joints in one place.

    Examples
    --------
    >>> from gru_lib.data.motion import normalise_body
    >>> normalise_body([[[5, 5], [5, 7]]]).tolist()
    [[[0.0, -1.0], [0.0, 1.0]]]
    """
    clip = np.asarray(clip, dtype=np.float64)
    if clip.ndim != 3 or clip.shape[2] != 2 or 0 in clip.shape:
        raise ValueError(f"clip has shape {clip.shape}; expected (frames, joints, 2)")
    if not np.isfinite(clip).all():
        frame = int(np.flatnonzero(~np.isfinite(clip).all(axis=(1, 2)))[0])
        raise ValueError(
            f"clip has a joint without a place (nan or infinity) in frame {frame}; fill gaps first"
        )
    if centre is not None and not 0 <= centre < clip.shape[1]:
        raise ValueError(f"centre is {centre}; expected a joint, 0 to {clip.shape[1] - 1}")
    origin = clip.mean(axis=1, keepdims=True) if centre is None else clip[:, [centre]]
    body = clip - origin
    size = np.sqrt((body**2).sum(axis=2).mean())
    if size == 0:
        raise ValueError("all joints of clip are in one place; expected a body")
    return body / size


def add_velocities(features: ArrayLike, *, scale: float = 10.0) -> np.ndarray:
    """Put beside each frame's features how they changed since the frame before.

    Parameters
    ----------
    features : array_like, shape (frames, features)
        Of one clip.
    scale : float, default 10.0
        Changes are multiplied by it, since from frame to frame they are small.

    Returns
    -------
    np.ndarray of float64, shape (frames, 2 * features)
        The changes are 0 in the first frame.

    Raises
    ------
    ValueError
        If there are other than two axes, or no frame.

    Examples
    --------
    >>> from gru_lib.data.motion import add_velocities
    >>> add_velocities([[1.0], [1.5]]).tolist()
    [[1.0, 0.0], [1.5, 5.0]]
    """
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) == 0:
        raise ValueError(f"features has shape {features.shape}; expected (frames, features)")
    changes = np.diff(features, axis=0, prepend=features[:1])
    return np.concatenate([features, scale * changes], axis=1)


def reverse_clips(data: Clips) -> Clips:
    """Play every clip backwards; the classes stay what they were called before.

    Parameters
    ----------
    data : Clips
        Any clips.

    Returns
    -------
    Clips

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.motion import Clips, reverse_clips
    >>> data = Clips([np.array([[1.0], [2.0]])], np.array([0]), ("up",))
    >>> reverse_clips(data).clips[0].tolist()
    [[2.0], [1.0]]
    """
    return data._replace(clips=[clip[::-1].copy() for clip in data.clips])


def shuffle_frames(data: Clips, seed: int | np.random.Generator) -> Clips:
    """Put the frames of each clip into random order: the control.

    Parameters
    ----------
    data : Clips
        Any clips.
    seed : int or np.random.Generator
        Decides the orders.

    Returns
    -------
    Clips

    Raises
    ------
    TypeError, ValueError
        If the seed is none.

    Examples
    --------
    >>> from gru_lib.data.motion import shuffle_frames, stick_figure_clips
    >>> data = stick_figure_clips(1, seed=0)
    >>> shuffle_frames(data, 0).clips[0].mean().round(6) == data.clips[0].mean().round(6)
    np.True_
    """
    return data._replace(clips=shuffle_steps(data.clips, seed))


def first_part(data: Clips, share: float) -> Clips:
    """Cut each clip off after a share of its frames, rounded up.

    Parameters
    ----------
    data : Clips
        Any clips.
    share : float
        Above 0, at most 1.

    Returns
    -------
    Clips
        Each with at least one frame.

    Raises
    ------
    ValueError
        If the share is out of range.

    Examples
    --------
    >>> from gru_lib.data.motion import first_part, stick_figure_clips
    >>> data = stick_figure_clips(1, seed=0)
    >>> len(data.clips[0]), len(first_part(data, 0.5).clips[0])
    (43, 22)
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; expected above 0 and at most 1")
    # rounded before: 0.2 * 45 is a little more than 9
    return data._replace(
        clips=[clip[: int(np.ceil(round(share * len(clip), 9)))] for clip in data.clips]
    )


def random_beginnings(data: Clips, seed: int | np.random.Generator) -> Clips:
    """Cut each clip off somewhere, after 20 % of its frames at the earliest.

    Parameters
    ----------
    data : Clips
        Any clips.
    seed : int or np.random.Generator
        Decides where.

    Returns
    -------
    Clips

    Raises
    ------
    TypeError, ValueError
        If the seed is none.

    Examples
    --------
    >>> from gru_lib.data.motion import random_beginnings, stick_figure_clips
    >>> data = stick_figure_clips(1, seed=0)
    >>> all(9 <= len(clip) <= 70 for clip in random_beginnings(data, 0).clips)
    True
    """
    rng = require_generator(seed)
    ends = [int(rng.integers(np.ceil(0.2 * len(clip)), len(clip) + 1)) for clip in data.clips]
    return data._replace(clips=[clip[:end] for clip, end in zip(data.clips, ends, strict=True)])


def mirror_people(data: Clips) -> Clips:
    """Clips of :func:`jhmdb_joints` in a mirror: left becomes right, for the limbs as well.

    Parameters
    ----------
    data : Clips
        Of 15 joints each.

    Returns
    -------
    Clips

    Raises
    ------
    ValueError
        If a clip has another number of joints.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.data.motion import Clips, mirror_people
    >>> data = Clips([np.ones((1, 15, 2))], np.array([0]), ("stand",))
    >>> mirror_people(data).clips[0][0, 0].tolist()
    [-1.0, 1.0]
    """
    for number, clip in enumerate(data.clips):
        if clip.shape[1:] != (len(_MIRRORED), 2):
            raise ValueError(f"clip {number} has shape {clip.shape}; expected (frames, 15, 2)")
    return data._replace(clips=[clip[:, _MIRRORED] * (-1, 1) for clip in data.clips])


def join_clips(first: Clips, second: Clips) -> Clips:
    """Two sets of clips as one.

    Parameters
    ----------
    first, second : Clips
        With the same names of classes.

    Returns
    -------
    Clips

    Raises
    ------
    ValueError
        If their classes have different names.

    Examples
    --------
    >>> from gru_lib.data.motion import join_clips, stick_figure_clips
    >>> len(join_clips(stick_figure_clips(1, seed=0), stick_figure_clips(2, seed=1)).clips)
    18
    """
    if first.names != second.names:
        raise ValueError(f"first has the classes {first.names} and second {second.names}")
    classes = np.concatenate([first.classes, second.classes])
    return Clips([*first.clips, *second.clips], classes, first.names)
