#!/bin/bash
# A launch script, as people write them: the trainer is a child of this shell, which knows nothing of signals.
echo "training on $(nproc) processors"
python3 /train/train.py "$@"
echo "the trainer has ended"
