package io.gpurunner.api;

/**
 * The user who sent a request, as the verified token says.
 *
 * @param user the user's name (claims {@code user} and {@code sub})
 * @param admin whether the token carries {@code role: admin}; an admin sees every user's jobs
 */
public record Caller(String user, boolean admin) {}
