"""What the papers' own tables say about the choices that the course puts on trial. No torch: the book may read this.

`PAPERS` holds tables by a short key; a table shows itself, `table["row"]` is its figure. Figures are errors in percent
unless `unit` says otherwise; where a table has several columns, `columns` names them and a row is a tuple. `checked`
says how a figure was confirmed: against the paper's text, or second hand, in others' copies of the table.
"""

from dataclasses import dataclass, field
from functools import partial

TEXT = "against the paper's text"
SECOND_HAND = "second hand"
FAIL = "fail"  # the ResNet v2 paper's word for a test error above 20 %


@dataclass(frozen=True)
class Table:
    """Rows of one table of one paper, in its order."""

    source: str  # paper, table, page where known
    about: str  # what is varied, on what
    rows: dict[str, float | str | tuple] = field(hash=False)
    columns: tuple[str, ...] = ("top-1",)
    unit: str = "error in percent"
    checked: str = TEXT

    def __getitem__(self, row: str):
        """The figure of one row: a number, or a tuple with one entry for each column."""
        return self.rows[row]

    def __repr__(self) -> str:
        wide = max(map(len, self.rows))
        lines = [self.source, f"{self.about}; {self.unit}" + ("" if self.checked == TEXT else f" ({self.checked})")]
        if len(self.columns) > 1:
            lines.append(f"  {'':{wide}}  " + "  ".join(f"{name:>10}" for name in self.columns))
        for name, row in self.rows.items():
            cells = row if isinstance(row, tuple) else (row,)
            lines.append(f"  {name:{wide}}  " + "  ".join(f"{'–' if cell is None else cell:>10}" for cell in cells))
        return "\n".join(lines)


ALEXNET, VGG, RETHINKING, INCEPTION4, RESNET, RESNET2, RESNEXT, DENSENET = (
    "Krizhevsky et al. 2012", "Simonyan & Zisserman 2015", "Szegedy et al. 2016 (Rethinking)",
    "Szegedy et al. 2017 (Inception-v4)", "He et al. 2016 (Deep residual learning)",
    "He et al. 2016 (Identity mappings)", "Xie et al. 2017", "Huang et al. 2017",
)  # fmt: skip
CIFAR10 = partial(Table, columns=("CIFAR-10",))

# fmt: off
PAPERS = {
    "ilsvrc": Table("ImageNet challenge, classification, test set: the entrants' papers",
        "winner or place of each year", {
            "2012  AlexNet, 1st": 15.3, "2012  best other entry": 26.2, "2013  Clarifai, 1st": 11.7,
            "2014  GoogLeNet, 1st": 6.67, "2014  VGG, 2nd (1st in localisation)": 7.3,
            "2015  ResNet, 1st": 3.57, "2016  the winner, an ensemble": 2.99, "2016  ResNeXt, 2nd": 3.03,
            "2017  SENet, 1st": 2.251}, columns=("top-5",), unit="top-5 error in percent"),
    "alexnet-relu": Table(f"{ALEXNET}, figure 1", "four convolutional layers, CIFAR-10, rate chosen for each",
        {"ReLU": 1, "tanh": 6}, columns=("time",), unit="time to 25 % training error, in units of ReLU's"),
    "vgg-depth": Table(f"{VGG}, table 3", "one scale, dense evaluation", {
            "A (11)": 29.6, "A with response normalisation": 29.7, "B (13)": 28.7, "C (16, three 1×1)": 28.1,
            "D (16)": 27.0, "E (19)": 27.3, "D, scale jitter": 25.6, "E, scale jitter": 25.5}),
    "vgg-kernels": Table(f"{VGG}, §4.1", "net B, and B with each pair of 3×3 made one 5×5", {
            "two 3×3 (B)": 0, "one 5×5": 7}, unit="top-1 error above B's, in points, centre crop"),
    "rethinking": Table(f"{RETHINKING}, table 3", "changes one after the other, one crop", {
            "GoogLeNet": (29.0, 9.2, 1.5), "BN-GoogLeNet": (26.8, None, 1.5), "BN-Inception": (25.2, 7.8, 2.0),
            "factorised net (v2)": (23.4, None, 3.8), "+ RMSProp": (23.1, 6.3, 3.8),
            "+ label smoothing": (22.8, 6.1, 3.8), "+ factorised 7×7 (the stem)": (21.6, 5.8, 4.8),
            "+ batch norm in the auxiliary head (v3)": (21.2, 5.6, 4.8)},
        columns=("top-1", "top-5", "G mult-adds"), checked=SECOND_HAND),
    "rethinking-linear": Table(f"{RETHINKING}, §3.1", "two 3×3 for a 5×5: what stands between them",
        {"ReLU": 77.2, "nothing (linear)": 76.2}, unit="top-1 accuracy in percent"),
    "inception-residual": Table(f"{INCEPTION4}, table 2", "one crop, images with good boxes only", {
            "Inception v3": (21.2, 5.6, "no"), "Inception-ResNet-v1": (21.3, 5.5, "yes"),
            "Inception v4": (20.0, 5.0, "no"), "Inception-ResNet-v2": (19.9, 4.9, "yes")},
        columns=("top-1", "top-5", "residual")),
    "resnet-depth": Table(f"{RESNET}, table 2", "ten crops, shortcuts without parameters", {
            "plain, 18 layers": 27.94, "plain, 34 layers": 28.54,
            "residual, 18 layers": 27.88, "residual, 34 layers": 25.03}),
    "resnet-shortcuts": Table(f"{RESNET}, table 3", "ResNet-34, ten crops", {
            "A: zeros": 25.03, "B: projection where the shape changes": 24.52, "C: projection everywhere": 24.19}),
    "resnet-cifar": CIFAR10(f"{RESNET}, table 6", "test error by depth", {
            "20": 8.75, "32": 7.51, "44": 7.17, "56": 6.97, "110 (best of 5)": 6.43, "110 (mean of 5)": 6.61,
            "1202": 7.93}),
    "resnet-v2-shortcuts": CIFAR10(f"{RESNET2}, table 1", "ResNet-110, what is done to the shortcut; median of 5", {
            "identity": 6.61, "× 0.5": FAIL, "× 0.5, branch × 0.5": 12.35, "gate and branch, best start": 8.70,
            "gate, starts at ½": 12.86, "gate, starts near 1": 6.91, "1×1 convolution": 12.22, "dropout ½": FAIL}),
    "resnet-v2-orders": CIFAR10(f"{RESNET2}, table 2 (page 8)", "where BN and ReLU stand; median of 5 runs", {
            "version 1": (6.61, 5.93), "BN after addition": (8.17, 6.50), "ReLU before addition": (7.84, 6.14),
            "ReLU-only pre-activation": (6.71, 5.91), "full pre-activation": (6.37, 5.46)},
        columns=("110 layers", "164 layers")),
    "resnet-v2-depth": Table(f"{RESNET2}, table 3 (page 10)", "median of 5 runs", {
            "CIFAR-10, 110 layers": (6.61, 6.37), "CIFAR-10, 164 layers": (5.93, 5.46),
            "CIFAR-10, 1001 layers": (7.61, 4.92), "CIFAR-100, 164 layers": (25.16, 24.33),
            "CIFAR-100, 1001 layers": (27.82, 22.71)}, columns=("version 1", "version 2")),
    "resnet-v2-imagenet": Table(f"{RESNET2}, table 5", "ImageNet, one 320 crop", {
            "152 layers": (21.3, 21.1), "200 layers": (21.8, 20.7)}, columns=("version 1", "version 2")),
    "resnext-cardinality": Table(f"{RESNEXT}, table 3", "equal cost, one crop", {
            "1×64d": (23.9, 22.0), "2×40d": (23.0, 21.7), "4×24d": (22.6, 21.4), "8×14d": (22.3, 21.3),
            "32×4d": (22.2, 21.2)}, columns=("50 layers", "101 layers")),
    "resnext-deeper-wider": Table(f"{RESNEXT}, table 4", "twice the cost of ResNet-101, one crop", {
            "ResNet-101 (the reference)": 22.0, "ResNeXt-101 32×4d (the same cost)": 21.2,
            "deeper: ResNet-200": 21.7, "wider: ResNet-101 1×100d": 21.3,
            "more paths: 2×64d": 20.7, "more paths: 64×4d": 20.4}),
    "resnext-residual": Table(f"{RESNEXT}, §5.1", "50 layers, with and without shortcuts", {
            "ResNet-50": (23.9, 31.2), "ResNeXt-50": (22.2, 26.1)}, columns=("with", "without")),
    "densenet-imagenet": Table(f"{DENSENET}, table 3", "ImageNet", {
            "DenseNet-121": (25.02, 23.61), "DenseNet-169": (23.80, 22.08), "DenseNet-201": (22.58, 21.46),
            "DenseNet-264": (22.15, 20.80)}, columns=("one crop", "10 crops")),
    "densenet-cifar": Table(f"{DENSENET}, table 2", "with flips and shifts", {
            "pre-activation ResNet-1001": (10.2, 4.62, 22.71), "DenseNet-BC, L=100, k=12": (0.8, 4.51, 22.27),
            "DenseNet-BC, L=250, k=24": (15.3, 3.62, 17.60), "DenseNet-BC, L=190, k=40": (25.6, 3.46, 17.18)},
        columns=("M params", "CIFAR-10", "CIFAR-100"), checked=SECOND_HAND),
}
# fmt: on
