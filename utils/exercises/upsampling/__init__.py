"""42 · Transposed convolution and its size, pixel shuffle, bilinear resizing, the field of dilated layers."""

from utils.exercises.upsampling.resizing import RESIZE, SHUFFLE
from utils.exercises.upsampling.sizes import FIELD, SIZE
from utils.exercises.upsampling.transposed import TRANSPOSED
from utils.grading.spec import Question

QUESTION = Question(chapter=5, minutes=50, exercises=(SIZE, TRANSPOSED, SHUFFLE, RESIZE, FIELD))
