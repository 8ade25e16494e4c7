# Fits a straight line to two columns of numbers by gradient descent. Writes a checkpoint after each epoch, and the weights at
# the end.
# awk -f train.awk DATASET-FILE PRETRAINED-FILE; CKPT_PATH, MODEL_PATH and EPOCHS come from the environment.

# The pretrained weights to start from: lines of a name and a number.
FILENAME == ARGV[2] { weight[$1] = $2; next }
/^#/ { next }
{ x[++n] = $1; y[n] = $2; sum += $1; squares += $1 * $1 }

END {
  dataset = ARGV[1]
  sub(/\/[^\/]*$/, "", dataset)
  if (system("touch " dataset "/written-by-a-job 2>/dev/null") == 0) {
    print "the data set can be written to"
    exit 3
  }

  # x is counted from its mean, so that the two weights do not affect each other. With a rate for each weight, a few dozen epochs
  # are enough. There is no square root and no ^ here, because busybox may be built without mathematics.
  mean = sum / n
  variance = squares / n - mean * mean
  slope = weight["slope"]
  level = weight["intercept"] + slope * mean
  rate = 0.25

  for (epoch = 1; epoch <= ENVIRON["EPOCHS"]; epoch++) {
    to_level = to_slope = loss = 0
    for (i = 1; i <= n; i++) {
      error = level + slope * (x[i] - mean) - y[i]
      to_level += 2 * error / n
      to_slope += 2 * error * (x[i] - mean) / n
    }
    level -= rate * to_level
    slope -= rate * to_slope / variance
    for (i = 1; i <= n; i++) {
      prediction[i] = level + slope * (x[i] - mean)
      loss += (prediction[i] - y[i]) * (prediction[i] - y[i]) / n
    }
    printf "epoch %d loss %.9f\n", epoch, loss
    fflush()
    checkpoint = sprintf("%s/epoch-%03d.txt", ENVIRON["CKPT_PATH"], epoch)
    printf "loss %.9f\n", loss > checkpoint
    for (i = 1; i <= n; i++) printf "prediction %s %.9f\n", x[i], prediction[i] > checkpoint
    close(checkpoint)
    system("sleep 0.1") # an epoch takes so little time that nobody could watch it pass
  }

  model = ENVIRON["MODEL_PATH"] "/ds_model.bin"
  printf "intercept %.9f\nslope %.9f\n", level - slope * mean, slope > model
  close(model)
}
