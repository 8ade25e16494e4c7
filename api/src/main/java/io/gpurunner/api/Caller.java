package io.gpurunner.api;

/**
 * Who sent a request, as its verified token says.
 *
 * @param user the user's name (claims {@code user} and {@code sub})
 * @param admin whether the token carries {@code role: admin}; an admin sees every user's jobs
 */
public record Caller(String user, boolean admin) {}
