/// What lies behind the refusal of a plugin's file, and so what has to change before the same file is worth another try.
package enum RefusalCause: Sendable, Equatable {
    /// The file's content.
    case content
    /// The file, or something that it needs: a library, the configuration, more time or memory.
    case surroundings
    /// Nothing that one could look at: the system had no room, no process, no thread.
    case moment
}
