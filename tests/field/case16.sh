# A terminal or log that is not UTF-8 (LANG of a cluster, `> log.txt` on Windows): a run must not end in UnicodeEncodeError.
. "$(dirname "$0")/common.sh"
own p 8 3
export PYTHONIOENCODING=ascii
bad=""
run fit -c data/folder.yaml -c tiny.yaml --data.root p --run_dir r; [ $? = 0 ] && ! traceback || bad="$bad fit"
run test --ckpt r/checkpoints/last.ckpt; [ $? = 0 ] && ! traceback || bad="$bad test"
run summarize r; [ $? = 0 ] && ! traceback || bad="$bad summarize"
run data check p; [ $? = 0 ] && ! traceback || bad="$bad data-check"
"$PY" -c 'from vireid.search import BNSeparation as B; B("resnet10", width=8).baselines()["all_separate"].save("g.json")'
run genotype show g.json; [ $? = 0 ] && ! traceback || bad="$bad genotype-show"
run genotype diff g.json g.json; [ $? = 0 ] && ! traceback || bad="$bad genotype-diff"
[ -z "$bad" ] && right "plain characters where others cannot be written"
wrong "UnicodeEncodeError on a terminal without UTF-8 in:$bad"
