# AGW's own train.py keeps cmc (a NumPy array), mAP and mINP (NumPy scalars) beside `net`; every published *_best.t is such a file.
. "$(dirname "$0")/common.sh"
"$PY" -c 'from vireid.commands.convert.command import convert_parser, default_config; from vireid.commands.convert.conversion import add_model_options; from vireid.models.published.agw import reference_names; from vireid.settings import instantiate' || { echo "BROKEN: imports have moved"; exit 9; }
"$PY" - <<'PY' || exit 9
import numpy as np, torch
from vireid.commands.convert.command import convert_parser, default_config
from vireid.commands.convert.conversion import add_model_options
from vireid.models.published.agw import reference_names
from vireid.settings import instantiate
words = ["convert", "x", "--from", "agw", "--output", "y"]
parser = convert_parser(); add_model_options(parser)
options = parser.parse_args([*default_config(words), "x", "--from", "agw", "--output", "y"])
settings = options.model.as_dict(); settings["init_args"] |= {"num_classes": 7, "weights": None, "ema": None}
ours = instantiate(settings).network.state_dict()
names = reference_names(ours)
torch.save({"net": {names[k]: v for k, v in ours.items()}, "epoch": 20}, "plain.t")
torch.save({"net": {names[k]: v for k, v in ours.items()}, "cmc": np.linspace(.4, 1, 20, dtype=np.float32), "mAP": np.float64(.47), "mINP": np.float64(.35), "epoch": 20}, "agw_best.t")
PY
run convert plain.t --from agw --output plain.ckpt || wrong "even a file of tensors alone is not converted (the check itself is broken)"
run convert agw_best.t --from agw --output best.ckpt && [ -s best.ckpt ] && right "converted, with NumPy numbers beside the weights"
wrong "a checkpoint as AGW's public train.py writes it (net + cmc, mAP, mINP as NumPy values) is refused as damaged; its weights should convert"
