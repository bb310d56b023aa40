"""What the article prints that can be run or recomputed: its programs and its worked example.

The book's outline comes from an article that describes a GRU. These are its programs as printed,
comments left out, and the numbers of its one worked example: material for chapter 05, for the
claims page and for exercises. None of the programs runs, and none of them holds a GRU.
"""

#: The NumPy step of section 3.5.
NUMPY_STEP = """\
import numpy as np

def gru_step(h_prev, x_t, W_hx, W_hh, b_h):
    input_gate = sigmoid(np.dot(h_prev, W_hx) + np.dot(x_t, W_hh) + b_h)

    forget_gate = sigmoid(np.dot(h_prev, W_hx) + np.dot(x_t, W_hh) + b_h)

    output_gate = sigmoid(np.dot(h_prev, W_hx) + np.dot(x_t, W_hh) + b_h)

    new_h = forget_gate * h_prev + input_gate * tanh(np.dot(h_prev, W_hh) + np.dot(x_t, W_hx) + b_h)

    return new_h
"""

#: What stands below the NumPy step of section 3.5 and calls it.
NUMPY_LOOP = """\
W_hx = np.random.rand(hidden_size, input_size)
W_hh = np.random.rand(hidden_size, hidden_size)
b_h = np.random.rand(hidden_size)

x = np.random.rand(seq_len, input_size)

h = np.zeros((seq_len, hidden_size))

for t in range(seq_len):
    h[t] = gru_step(h[t-1], x[t], W_hx, W_hh, b_h)
"""

#: The TensorFlow step of section 5.2.
TENSORFLOW_STEP = """\
import numpy as np
import tensorflow as tf

def gru_step(h_prev, x_t, W_hx, W_hh, b_h):
    input_gate = tf.sigmoid(tf.matmul(h_prev, W_hx) + tf.matmul(x_t, W_hh) + b_h)

    forget_gate = tf.sigmoid(tf.matmul(h_prev, W_hx) + tf.matmul(x_t, W_hh) + b_h)

    output_gate = tf.sigmoid(tf.matmul(h_prev, W_hx) + tf.matmul(x_t, W_hh) + b_h)

    new_h = forget_gate * h_prev + input_gate * tf.tanh(tf.matmul(h_prev, W_hh) + tf.matmul(x_t, W_hx) + b_h)

    return new_h
"""  # noqa: E501

#: What follows it in section 5.2, ten steps on one input.
TENSORFLOW_LOOP = """\
hidden_size = 10
input_size = 5
W_hx = tf.random.normal((hidden_size, input_size))
W_hh = tf.random.normal((hidden_size, hidden_size))
b_h = tf.random.normal((hidden_size,))

x = tf.random.normal((1, input_size))

h = tf.zeros((1, hidden_size))

for t in range(10):
    h = gru_step(h, x, W_hx, W_hh, b_h)
    print(h.numpy())
"""

#: The end of section 5.2, which the article calls training.
TENSORFLOW_TRAINING = """\
with tf.GradientTape() as tape:
    h = gru_step(h, x, W_hx, W_hh, b_h)
    loss = tf.reduce_mean(tf.square(h - x))

gradients = tape.gradient(loss, [W_hx, W_hh, b_h])

W_hx.assign_sub(gradients[0])
W_hh.assign_sub(gradients[1])
b_h.assign_sub(gradients[2])
"""

#: The program of section 5.4, whose output the article describes and does not show.
RESULT_PROGRAM = """\
x = tf.random.normal((1, 5))

h = tf.zeros((1, 10))

for t in range(10):
    h = gru_step(h, x, W_hx, W_hh, b_h)
    print(h.numpy())
"""

#: By what section 4.3 multiplies each weight vector. It says hidden size 10, input size 5, and
#: [1, 2, ..., 10] for the previous state.
WORKED_FACTOR = [1.0, 2.0, 3.0, 4.0, 5.0]

#: Every number of section 4.3 as printed. A gate is ``sigmoid(weight * factor + bias)`` in three
#: lines; the new state is ``forget * factor + output * tanh(weight * factor + bias) + stray`` in
#: two lines; it is the output gate that the article puts in where its formula has the input gate.
WORKED_EXAMPLE = {
    "input gate": {
        "weight": [0.5, 0.6, 0.7, 0.8, 0.9],
        "bias": [0.1, 0.2, 0.3, 0.4, 0.5],
        "product": [0.5, 1.2, 2.1, 3.2, 4.3],
        "sum": [0.6, 1.4, 2.4, 3.6, 4.8],
        "sigmoid": [0.2, 0.6, 0.8, 0.9, 1.0],
    },
    "forget gate": {
        "weight": [0.1, 0.2, 0.3, 0.4, 0.5],
        "bias": [0.6, 0.7, 0.8, 0.9, 1.0],
        "product": [0.1, 0.4, 0.6, 0.8, 1.0],
        "sum": [0.7, 1.1, 1.4, 1.7, 2.0],
        "sigmoid": [0.2, 0.5, 0.6, 0.7, 0.8],
    },
    "output gate": {
        "weight": [0.1, 0.2, 0.3, 0.4, 0.5],
        "bias": [0.9, 0.8, 0.7, 0.6, 0.5],
        "product": [0.1, 1.8, 2.7, 3.6, 4.5],
        "sum": [2.0, 2.5, 3.4, 4.2, 4.5],
        "sigmoid": [0.4, 0.6, 0.7, 0.8, 0.9],
    },
    "new state": {
        "weight": [0.1, 0.2, 0.3, 0.4, 0.5],
        "bias": [0.9, 0.8, 0.7, 0.6, 0.5],
        "stray": [0.1, 0.2, 0.3, 0.4, 0.5],
        "tanh": [0.5, 0.6, 0.7, 0.8, 0.9],
        "state": [0.4, 0.6, 0.7, 0.8, 0.9],
    },
}
