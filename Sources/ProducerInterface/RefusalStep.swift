/// The step at which a plugin's file was refused; the names are those of the metrics.
package enum RefusalStep: String, Sendable {
    /// Reading the file, and who may write to it.
    case file
    /// Its headers: architecture, libraries, symbols.
    case image
    /// What its code did in the probe: a crash, no answer, too much memory.
    case probe
    /// What it declares.
    case declaration
    /// Loading it into the server.
    case load
    /// Another plugin has its name or one of its routes.
    case conflict
    /// Its streams failed on trial.
    case trial
}
