# A length in steps alone (--trainer.max_epochs -1 --trainer.max_steps 8) with a schedule over the whole run: rates stay positive, or it is said.
. "$(dirname "$0")/common.sh"
own p 8 6
sed -i 's/limit_train_batches: 2/limit_train_batches: 2/' tiny.yaml
cat > s.yaml <<'YAML'
model: {init_args: {optimizer: {class_path: vireid.tasks.Adam, init_args: {schedule: {class_path: vireid.tasks.WarmupCosine, init_args: {warmup_epochs: 1}}}}}}
YAML
run fit -c data/folder.yaml -c tiny.yaml -c s.yaml --data.root p --run_dir r --trainer.max_epochs -1 --trainer.max_steps 8; c=$?
[ $c = 2 ] && ! traceback && grep -q max_epochs out.txt && right "refused in a sentence"
[ $c = 2 ] && wrong "the message speaks of a range from 0 to -2 and -1 epochs, and does not name trainer.max_epochs"
[ $c = 0 ] || wrong "exit $c$(traceback && echo ', traceback')"
"$PY" - <<'PY' && right "positive rates" || wrong "rates are not positive, or constant"
import sys, torch
c = torch.load("r/checkpoints/last.ckpt", weights_only=True); g = c["optimizer_states"][0]["param_groups"]
print("steps", c["global_step"], "rates", [(x["name"], x["lr"], x["initial_lr"]) for x in g]); sys.exit(int(not all(0 < x["lr"] <= x["initial_lr"] for x in g)))
PY
