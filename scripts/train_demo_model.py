"""Train the model that ships with infercost and write it as ONNX.

The training needs more than the project itself does; give it an environment of its own::

    python -m venv train && train/bin/pip install torch==2.13.0 scikit-learn onnx onnxruntime
    train/bin/python scripts/train_demo_model.py

It takes under three minutes on one core. The seed is fixed and the ONNX graph is written by
hand from the trained weights, so the same torch build on the same kind of CPU gives the same file.
The test split is never seen in training; the accuracy on it goes into the model's metadata.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

SEED = 20
EPOCHS = 40
BATCH = 64
SAMPLE_ITEMS = 64
UPSCALE = 5
SHIFT = 4
DEMO = Path(__file__).resolve().parent.parent / "src" / "infercost" / "data" / "demo"


def split_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images [n, 1, 8, 8] in 0..16 and labels: three quarters to train on, one held out."""
    digits = load_digits()
    images = digits.images.astype(np.float32)[:, None]
    labels = digits.target.astype(np.int64)
    return tuple(train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels))


class Block(nn.Module):
    """Two 3x3 convolutions and the way around them."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.reshapes = stride != 1 or channels_in != channels_out
        if self.reshapes:
            self.skip = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.skip_norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return functional.relu(y + (self.skip_norm(self.skip(x)) if self.reshapes else x))


class DigitsNet(nn.Module):
    """A residual network that sees 8x8 digits at 40x40."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(32)
        self.blocks = nn.ModuleList([Block(32, 32, 1), Block(32, 32, 1), Block(32, 48, 2)])
        self.head = nn.Linear(48, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.interpolate(x, scale_factor=UPSCALE, mode="bilinear", align_corners=False)
        return self.classify(x)

    def classify(self, upscaled: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.stem_norm(self.stem(upscaled)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=(2, 3)))


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The batch upscaled, each image moved by up to SHIFT pixels."""
    upscaled = functional.interpolate(images, scale_factor=UPSCALE, mode="bilinear", align_corners=False)
    padded = functional.pad(upscaled, (SHIFT,) * 4)
    offsets = torch.randint(0, 2 * SHIFT + 1, (len(images), 2), generator=generator)
    side = upscaled.shape[-1]
    return torch.stack([padded[i, :, dy : dy + side, dx : dx + side] for i, (dy, dx) in enumerate(offsets.tolist())])


def train(images: np.ndarray, labels: np.ndarray) -> DigitsNet:
    random.seed(SEED)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums depend on how work is split over threads
    generator = torch.Generator().manual_seed(SEED)
    net = DigitsNet()
    x, y = torch.from_numpy(images / 16), torch.from_numpy(labels)
    steps = EPOCHS * -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        net.train()
        losses = []
        for chosen in torch.randperm(len(x), generator=generator).split(BATCH):
            loss = functional.cross_entropy(net.classify(shifted(x[chosen], generator)), y[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1:2d}/{EPOCHS}  loss {np.mean(losses):.4f}", flush=True)
    return net.eval()


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of the convolution that does what both layers did."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale[:, None, None, None]
    bias = norm.bias - norm.running_mean * scale
    return weight.detach().numpy(), bias.detach().numpy()


class GraphWriter:
    """Collects nodes and weights of an ONNX graph in the order they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(self, op_type: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x: str, output: str, folded: tuple[np.ndarray, np.ndarray], stride: int) -> str:
        weight, bias = folded
        inputs = [x, self.weight(f"{output}.weight", weight), self.weight(f"{output}.bias", bias)]
        kernel = weight.shape[2]
        pads = [kernel // 2] * 4
        return self.node("Conv", inputs, output, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)


def add_block(graph: GraphWriter, block: Block, x: str, name: str) -> str:
    stride = block.conv1.stride[0]
    y = graph.conv(x, f"{name}.conv1", fold(block.conv1, block.norm1), stride)
    y = graph.node("Relu", [y], f"{name}.relu1")
    y = graph.conv(y, f"{name}.conv2", fold(block.conv2, block.norm2), 1)
    around = graph.conv(x, f"{name}.skip", fold(block.skip, block.skip_norm), stride) if block.reshapes else x
    return graph.node("Relu", [graph.node("Add", [y, around], f"{name}.add")], f"{name}.relu2")


def to_onnx(net: DigitsNet, accuracy: float, held_out: int) -> onnx.ModelProto:
    graph = GraphWriter()
    scales = graph.weight("upscale.scales", np.array([1, 1, UPSCALE, UPSCALE]))
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    x = graph.node("Resize", ["image", "", scales], "upscale", **attributes)
    weight, bias = fold(net.stem, net.stem_norm)
    x = graph.conv(x, "stem", (weight / 16, bias), net.stem.stride[0])  # pixels come as 0..16
    x = graph.node("Relu", [x], "stem.relu")
    for index, block in enumerate(net.blocks):
        x = add_block(graph, block, x, f"block{index}")
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x], "pool")], "features", axis=1)
    head = [
        graph.weight("head.weight", net.head.weight.detach().numpy()),
        graph.weight("head.bias", net.head.bias.detach().numpy()),
    ]
    x = graph.node("Gemm", [x, *head], "logits", transB=1)
    graph.node("Softmax", [x], "probabilities", axis=1)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="infercost",
        doc_string="Hand-written digits, 8x8 pixels in 0..16, by a small residual network. See README.md beside this file.",
    )
    helper.set_model_props(
        model,
        {
            "license": "Apache-2.0",
            "dataset": "scikit-learn load_digits (UCI Optical Recognition of Handwritten Digits, CC BY 4.0)",
            "held_out_items": str(held_out),
            "held_out_accuracy": f"{accuracy:.4f}",
        },
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def probabilities(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo model and write it as ONNX.")
    parser.add_argument("--out", type=Path, default=DEMO, help="folder to write to")
    out = parser.parse_args().out
    train_images, test_images, train_labels, test_labels = split_digits()
    net = train(train_images, train_labels)
    with torch.no_grad():
        expected = functional.softmax(net(torch.from_numpy(test_images / 16)), dim=1).numpy()
    accuracy = float((expected.argmax(axis=1) == test_labels).mean())
    model = to_onnx(net, accuracy, len(test_labels))
    np.testing.assert_allclose(probabilities(model, test_images), expected, atol=1e-4)
    out.mkdir(parents=True, exist_ok=True)
    (out / "digits.onnx").write_bytes(model.SerializeToString(deterministic=True))
    np.savez(out / "digits_sample.npz", image=test_images[:SAMPLE_ITEMS])
    size = (out / "digits.onnx").stat().st_size
    print(f"held-out accuracy {accuracy:.4f} on {len(test_labels)} images; {size:,} bytes; labels of the sample:")
    print(*test_labels[:SAMPLE_ITEMS])


if __name__ == "__main__":
    main()
