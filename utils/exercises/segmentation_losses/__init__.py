"""40 · Dice loss (Milletari et al. 2016 without the squares), Tversky index, confusion matrix, mean IoU."""

from utils.exercises.segmentation_losses.counting import CONFUSION, MEAN_IOU
from utils.exercises.segmentation_losses.overlap import DICE, TVERSKY
from utils.grading.spec import Question

QUESTION = Question(
    chapter=5, minutes=45, exercises=(DICE, TVERSKY, CONFUSION, MEAN_IOU), versions=("numpy", "torch", "scikit-learn")
)
