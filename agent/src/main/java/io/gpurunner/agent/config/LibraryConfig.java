package io.gpurunner.agent.config;

import io.gpurunner.storage.LibraryAccess;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The read-only libraries: each directory inside is one dataset, or one model.
 *
 * @param access the entries that not all users may mount
 */
public record LibraryConfig(Path datasets, Path models, List<LibraryGrant> access) {
  public LibraryConfig {
    access = List.copyOf(access);
  }

  static LibraryConfig read(Section section) {
    return new LibraryConfig(
        section.value("datasets", Path.of("/srv/gpurunner/datasets"), ValueForms.ABSOLUTE_PATH),
        section.value("models", Path.of("/srv/gpurunner/models"), ValueForms.ABSOLUTE_PATH),
        section.list("access", ValueForms.LIBRARY_GRANT));
  }

  /** Returns who may mount the datasets. */
  public LibraryAccess datasetAccess() {
    return accessTo("datasets");
  }

  /** Returns who may mount the models. */
  public LibraryAccess modelAccess() {
    return accessTo("models");
  }

  private LibraryAccess accessTo(String library) {
    Map<String, Set<String>> users = new HashMap<>();
    access.stream()
        .filter(grant -> grant.library().equals(library))
        .forEach(
            grant ->
                users.computeIfAbsent(grant.entry(), e -> new HashSet<>()).addAll(grant.users()));
    return new LibraryAccess(users);
  }
}
