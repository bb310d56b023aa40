"""Motion: what the figure is built to hold, what is refused, and the real clips."""

import os
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from gru_lib.data.motion import (
    ACTIONS,
    JOINTS,
    POSES,
    Clips,
    add_velocities,
    arm_pose_clips,
    basic_motions,
    first_part,
    jhmdb_joints,
    join_clips,
    load_array_pickle,
    mirror_people,
    normalise_body,
    random_beginnings,
    reverse_clips,
    shuffle_frames,
    stick_figure_clips,
)

MANY = stick_figure_clips(300, seed=11)


def of_class(data, number):
    return [data.clips[i] for i in np.flatnonzero(data.classes == number)]


# --- the stick figure -----------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_frame_says_nothing_about_which_of_the_two(number):
    rng = np.random.default_rng(0)
    one, other = (
        np.array([rng.choice(normalise_body(clip)).ravel() for clip in of_class(MANY, k)])
        for k in (number, number + 1)
    )
    p = [ks_2samp(a, b).pvalue for a, b in zip(one.T, other.T, strict=True)]
    assert min(p) * len(p) > 0.01
    lengths = [[len(clip) for clip in of_class(MANY, k)] for k in (number, number + 1)]
    assert ks_2samp(*lengths).pvalue > 0.01


def test_sitting_goes_down_and_standing_up():
    head = JOINTS.index("head")
    for number, sign in ((0, -1), (1, 1)):
        for clip in of_class(MANY, number)[:50]:
            assert sign * (clip[-5:, head, 1].mean() - clip[:5, head, 1].mean()) > 0.1


def test_the_hand_turns_as_the_name_says():
    hand = JOINTS.index("hand")
    for number, sign in ((2, -1), (3, 1)):
        for clip in of_class(MANY, number)[:50]:
            path = clip[:, hand] - clip[:, JOINTS.index("neck")]
            x, y = (path - path.mean(axis=0)).T
            area = np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])  # positive: anticlockwise
            assert sign * area > 0


def test_bow_and_raised_arm_come_in_the_order_of_the_name():
    neck, hand, hip = (JOINTS.index(name) for name in ("neck", "hand", "hip"))
    for number, sign in ((4, 1), (5, -1)):
        for clip in of_class(MANY, number)[:50]:
            bow = np.argmin(clip[:, neck, 1] - clip[:, hip, 1])
            raised = np.argmax(clip[:, hand, 1] - clip[:, neck, 1])
            assert sign * (raised - bow) >= 14  # a rest of ten, and half of each movement


def test_seed_tempo_and_sizes():
    one, again = (stick_figure_clips(2, seed=5) for _ in range(2))
    assert all(map(np.array_equal, one.clips, again.clips))
    assert not np.array_equal(one.clips[0], stick_figure_clips(2, seed=6).clips[0])
    lengths = [len(clip) for clip in MANY.clips]
    assert min(lengths) >= 36 and max(lengths) <= 75
    fast = [len(clip) for clip in stick_figure_clips(50, seed=5, tempo=2.0).clips]
    assert 0.4 < np.mean(fast) / np.mean(lengths) < 0.6
    assert one.names == ACTIONS and len(one.clips) == 2 * len(ACTIONS)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"per_class": 0, "seed": 0}, "per_class is 0"),
        ({"per_class": 1, "seed": -1}, "rng is -1"),
        ({"per_class": 1, "seed": 0, "tempo": 0.0}, "tempo is 0.0"),
        ({"per_class": 1, "seed": 0, "tempo": float("nan")}, "tempo is nan"),
    ],
)
def test_bad_settings_of_the_figure(settings, problem):
    with pytest.raises(ValueError, match=problem):
        stick_figure_clips(**settings)


def test_the_arm_shows_in_every_frame():
    data = arm_pose_clips(100, seed=0)
    shoulder, elbow = JOINTS.index("neck"), JOINTS.index("elbow")
    angles = []
    for number in range(len(POSES)):
        arm = [c[:, elbow] - c[:, shoulder] for c in of_class(data, number)]
        means = [np.arctan2(a[:, 0].mean(), -a[:, 1].mean()) for a in arm]
        angles.append(np.degrees(np.mean(means)))
    np.testing.assert_allclose(np.diff(angles), 40, atol=8)


# --- what is done with clips ----------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5), st.floats(-9, 9))
def test_place_and_size_do_not_matter(seed, size, place):
    clip = np.random.default_rng(seed).normal(size=(5, 4, 2))
    for centre in (None, 2):
        body = normalise_body(clip, centre=centre)
        np.testing.assert_allclose(normalise_body(size * clip + place, centre=centre), body)
        assert (body**2).sum(axis=2).mean() == pytest.approx(1)


def test_bad_bodies_are_named():
    clip = np.random.default_rng(0).normal(size=(5, 4, 2))
    gap = clip.copy()
    gap[3, 1, 0] = np.nan
    for bad, problem in (
        (gap, "without a place .* in frame 3"),
        (clip[:0], r"shape \(0, 4, 2\)"),
        (clip[..., 0], r"shape \(5, 4\)"),
        (np.ones((5, 4, 2)), "all joints of clip are in one place"),
    ):
        with pytest.raises(ValueError, match=problem):
            normalise_body(bad)
    with pytest.raises(ValueError, match="centre is 4; expected a joint, 0 to 3"):
        normalise_body(clip, centre=4)


def test_velocities_undo():
    features = np.random.default_rng(0).normal(size=(6, 3))
    both = add_velocities(features, scale=2.0)
    rebuilt = features[0] + np.cumsum(both[:, 3:] / 2.0, axis=0)
    np.testing.assert_allclose(rebuilt, features)
    np.testing.assert_array_equal(both[:, :3], features)
    with pytest.raises(ValueError, match=r"features has shape \(0, 3\)"):
        add_velocities(features[:0])


def test_reversed_shuffled_and_cut():
    data = stick_figure_clips(3, seed=1)
    for clip, back, mixed in zip(
        data.clips, reverse_clips(data).clips, shuffle_frames(data, 0).clips, strict=True
    ):
        np.testing.assert_array_equal(clip, back[::-1])
        assert not np.array_equal(clip, mixed)
        frames = [sorted(map(tuple, c.reshape(len(c), -1))) for c in (clip, mixed)]
        assert frames[0] == frames[1]
    for clip, part in zip(data.clips, random_beginnings(data, 0).clips, strict=True):
        assert 0.2 * len(clip) <= len(part) <= len(clip)
        np.testing.assert_array_equal(part, clip[: len(part)])


@pytest.mark.parametrize(("share", "frames"), [(0.2, 9), (0.201, 10), (1e-9, 1), (1.0, 45)])
def test_a_share_of_the_frames_is_rounded_up(share, frames):
    data = Clips([np.zeros((45, 1))], np.array([0]), ("one",))
    assert len(first_part(data, share).clips[0]) == frames


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_no_such_share(share):
    with pytest.raises(ValueError, match="share is"):
        first_part(MANY, share)


def test_joined_clips_must_mean_the_same():
    with pytest.raises(ValueError, match="first has the classes"):
        join_clips(stick_figure_clips(1, seed=0), arm_pose_clips(1, seed=0))


def test_a_mirror_of_a_mirror():
    clip = np.random.default_rng(0).normal(size=(4, 15, 2))
    data = Clips([clip], np.array([0]), ("one",))
    once = mirror_people(data)
    np.testing.assert_array_equal(mirror_people(once).clips[0], clip)
    np.testing.assert_array_equal(once.clips[0][:, 11], clip[:, 12] * (-1, 1))  # the wrists
    with pytest.raises(ValueError, match=r"expected \(frames, 15, 2\)"):
        mirror_people(data._replace(clips=[clip[:, :14]]))


# --- pickles --------------------------------------------------------------------------------


class Malicious:
    """Its pickle, when read, makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def written(folder, thing, protocol=4):
    file = folder / "a.pkl"
    file.write_bytes(pickle.dumps(thing, protocol=protocol))
    return file


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_come_back(tmp_path, protocol):
    stored = {"pose": [np.arange(6.0).reshape(1, 3, 2)], "label": ["sit"]}
    back = load_array_pickle(written(tmp_path, stored, protocol))
    np.testing.assert_array_equal(back["pose"][0], stored["pose"][0])
    assert back["label"] == ["sit"]


def test_what_runs_something_is_refused(tmp_path):
    trap = tmp_path / "trap"
    file = written(tmp_path, [np.zeros(2), Malicious(trap)])
    with pytest.raises(ValueError, match=r"a\.pkl names (posix|nt)\.mkdir; only NumPy arrays"):
        load_array_pickle(file)
    assert not trap.exists()
    pickle.loads(file.read_bytes())  # the trap would have worked
    assert trap.exists()


def test_other_doors_are_shut(tmp_path):
    for name in (print, eval, np.load, np.array, np.random.default_rng):
        with pytest.raises(ValueError, match="only NumPy arrays are read"):
            load_array_pickle(written(tmp_path, name))


def test_broken_pickles(tmp_path):
    whole = written(tmp_path, {"pose": [np.zeros(3)]}).read_bytes()
    for content in (b"", b"not a pickle", whole[:-5]):
        file = tmp_path / "b.pkl"
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"b\.pkl"):
            load_array_pickle(file)


# --- real clips -----------------------------------------------------------------------------


def test_basic_motions():
    motions = basic_motions()
    assert motions.train.names == ("badminton", "running", "standing", "walking")
    for data in motions:
        assert np.bincount(data.classes).tolist() == [10] * 4
        assert {clip.shape for clip in data.clips} == {(100, 6)}
    known = {clip.tobytes() for clip in motions.train.clips}
    assert not known & {clip.tobytes() for clip in motions.test.clips}


def test_basic_motions_without_sktime(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime.datasets", None)
    with pytest.raises(ImportError, match=r"needs sktime: install it with  pip install"):
        basic_motions()


def test_jhmdb(full_tier):
    motions = jhmdb_joints()
    assert [len(data.clips) for data in motions] == [433, 176]
    assert motions.train.names == motions.test.names and len(motions.test.names) == 14
    assert {"sit", "stand"} < set(motions.test.names)
    lengths = [len(clip) for data in motions for clip in data.clips]
    assert (min(lengths), max(lengths)) == (15, 40)
    assert {clip.shape[1:] for data in motions for clip in data.clips} == {(15, 2)}
    known = {clip.tobytes() for clip in motions.train.clips}
    assert not known & {clip.tobytes() for clip in motions.test.clips}
    # in a film a mirrored person is as likely as the person: shoulders stay above hips
    mirrored = mirror_people(motions.test).clips[0]
    assert (mirrored[:, 3:5, 1].mean() < mirrored[:, 5:7, 1].mean()) and mirrored.shape[1] == 15
