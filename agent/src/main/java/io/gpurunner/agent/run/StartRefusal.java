package io.gpurunner.agent.run;

import io.gpurunner.api.JobRequest;
import io.gpurunner.api.LibraryMount;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Says in the words of the request why the engine refuses to start a container. Only a refusal that
 * the request's paths cause is explained. Pure.
 */
final class StartRefusal {
  /** What runc says before the path at which it could not mount a directory. */
  private static final String AT = "to rootfs at \"";

  /** What runc says if that path is a file, or has a file among its parents (ENOTDIR). */
  private static final String NO_DIRECTORY = "not a directory";

  private StartRefusal() {}

  /**
   * Returns the reason for the user. It is empty if the engine's own words are the best there are.
   *
   * @param engineWords the message of the refusal
   */
  static Optional<String> explain(JobRequest request, String engineWords) {
    if (!engineWords.contains(NO_DIRECTORY)) {
      return Optional.empty();
    }
    return paths(request).entrySet().stream()
        .filter(field -> engineWords.contains(AT + field.getValue() + '"'))
        .map(
            field ->
                field.getKey()
                    + " "
                    + field.getValue()
                    + " is a file in the image "
                    + request.image()
                    + ", or lies below a file; choose another path")
        .findFirst();
  }

  /** Returns the paths at which directories are mounted, by the field of the request. */
  private static Map<String, String> paths(JobRequest request) {
    Map<String, String> paths = new LinkedHashMap<>();
    paths.put("ckptPath", request.ckptPath());
    paths.put("modelPath", request.modelPath());
    request
        .dataset()
        .map(LibraryMount::containerPath)
        .ifPresent(path -> paths.put("datasetPath", path));
    request
        .pretrainedModel()
        .map(LibraryMount::containerPath)
        .ifPresent(path -> paths.put("pretrainedModelPath", path));
    return paths;
  }
}
