package io.gpurunner.agent.container;

import io.gpurunner.agent.container.ContainerException.Kind;

/**
 * Why an image cannot be had, in fixed words. A job's user reads only these. The text of a registry
 * or of the engine would show the user the answers of servers that only this machine can reach.
 */
public enum PullFault {
  NOT_FOUND(Kind.REFUSED, "its registry has no such image, or gives this machine no access to it"),
  NOT_GRANTED(
      Kind.REFUSED,
      "its registry has no such image for everybody, and this machine's password for the registry"
          + " is not granted to the job's user (images.credentials)"),
  NOT_FITTING(Kind.REFUSED, "it is made for another processor, or in a form that is not known"),
  NOT_ALLOWED(
      Kind.REFUSED,
      "this machine's rules do not let jobs use its registry (images.registries, callbacks)"),
  NOT_RESOLVED(Kind.FAILED, "the name of its registry does not resolve on this machine"),
  NOT_REACHED(
      Kind.FAILED, "its registry could not be reached, or did not answer as a registry does"),
  NO_ANSWER(Kind.FAILED, "its registry did not answer in time"),
  TOO_MANY(Kind.FAILED, "its registry takes no more requests at the moment"),
  NO_PASSWORDS(Kind.FAILED, "this machine's passwords of registries cannot be read"),
  NOT_KEPT(Kind.FAILED, "the container engine reported success, but has no such image"),
  NO_ROOM(Kind.MACHINE_UNFIT, "the container engine's disk has no room for the image, or fails");

  private final Kind kind;
  private final String words;

  PullFault(Kind kind, String words) {
    this.kind = kind;
    this.words = words;
  }

  /** Returns what a caller can do about it. */
  public Kind kind() {
    return kind;
  }

  /** Returns the sentence for the job's user. */
  public String words() {
    return words;
  }
}
