package io.gpurunner.api;

import io.vertx.core.json.JsonObject;

/** Request bodies of the published guide, as its curl commands send them. */
final class GuideBodies {
  /** The body of the guide's "create" command, byte for byte. */
  static final String CREATE =
      """
      {
          "gpuNumber": 1,
          "gpuType": "NVIDIA-GeForce-RTX-3090",
          "ckptPath": "/data",
          "ckptVol": "10000",
          "modelPath": "/data2",
          "modelVol": "10000",
          "imagePath": "dockerhub.kubekey.local/kubesphereio/train:test",
          "jobType": "GeneralJob",
          "stopType": "1",
          "stopTime": 5,
          "pretrainedModelName": "chatglm3-6b",
          "pretrainedModelPath": "/sixpen_models/chatlm3",
          "datasetName": "train-dataset",
          "datasetPath": "/sixpen_models/train_outputs/test_10059997",
          "runCommand": "sleep 600",
          "callbackUrl": "https://llm.nascentcore.cn/api/test/callback",
           "env": {"OPEN_NODE_TOKEN": "9999"}
      }
      """;

  private GuideBodies() {}

  /** Returns a body that has only the required fields. */
  static JsonObject minimal() {
    return new JsonObject()
        .put("gpuNumber", 1)
        .put("gpuType", FakeFacts.RTX)
        .put("ckptPath", "/data")
        .put("ckptVol", "10000")
        .put("modelPath", "/data2")
        .put("modelVol", "10000")
        .put("imagePath", "train:test")
        .put("jobType", "GeneralJob")
        .put("stopType", 0);
  }

  static String jobId(String id) {
    return "{\"job_id\":\"" + id + "\"}";
  }
}
