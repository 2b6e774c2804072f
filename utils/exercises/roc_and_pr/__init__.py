"""52 · ROC and precision–recall: Fawcett 2006, §5 and 7; Davis & Goadrich 2006. Oracle: scikit-learn."""

from utils.exercises.roc_and_pr.curves import AUC, CURVE
from utils.exercises.roc_and_pr.scores import F_SCORE, THRESHOLD
from utils.grading.spec import Question

QUESTION = Question(
    chapter=6, minutes=40, exercises=(CURVE, AUC, F_SCORE, THRESHOLD), versions=("numpy", "torch", "scikit-learn")
)
