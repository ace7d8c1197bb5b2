# SPDX-License-Identifier: MIT
# Completion of jobwatchctl for bash: commands, their options, and IDs that the service knows.

# The IDs of what `jobwatchctl [-i INSTANCE] LIST...` shows.
_jobwatchctl_ids() {
    jobwatchctl "$@" --no-legend --no-pager 2>/dev/null | while read -r id _; do echo "$id"; done
}

_jobwatchctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word command='' values='' index
    local -a instance=()
    local -A commands=(
        [status]='--check'
        [list]='--open --ended --failed --failing'
        [show]=''
        [history]='--lines --since'
        [watch]=''
        [wait]='--add --any --timeout'
        [recent]='--lines --business --description'
        [add]='--name --hook'
        [remove]=''
        [poll]=''
        [deliveries]='--pending --failed'
        [retry]='--failed'
        [drop]=''
        [test-hook]='--event --job'
        [statuses]=''
        [timeline]='--since --output'
        [report]='--output --follow'
        [doctor]='--report'
        [handover]=''
        [login]=''
        [metrics]=''
    )
    local options='--instance --json --no-legend --no-pager --no-ask-password --help --version'

    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
        -i | --instance) instance=(-i "${COMP_WORDS[++index]}") ;;
        -n | --lines | -o | --output | --json | --since | --timeout | --business | --description | --name | --hook | --event | --job)
            ((++index))
            ;;
        -* | =) ;;
        *) [ -n "$command" ] || command=$word ;;
        esac
    done
    # bash makes a word of the "=" in "--json=short".
    if [ "$current" = = ]; then
        current=''
    elif [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    case $previous in
    --json) values='off short pretty' ;;
    --event) values='seen changed succeeded failed gone stalled api_down api_refused api_ok' ;;
    --job) values=$(_jobwatchctl_ids "${instance[@]}" list) ;;
    -o | --output)
        compopt -o filenames 2>/dev/null # so that what follows a folder is asked for, and blanks are quoted
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    -i | --instance | -n | --lines | --since | --timeout | --business | --description | --name | --hook) return ;;
    *)
        if [[ $current == -* ]]; then
            values="$options ${commands[${command:-list}]-}"
        elif [ -z "$command" ]; then
            values=${!commands[*]}
        else
            case $command in
            show | history | list | timeline) values=$(_jobwatchctl_ids "${instance[@]}" list) ;;
            watch | wait | remove | poll) values=$(_jobwatchctl_ids "${instance[@]}" list --open) ;;
            retry) values=$(_jobwatchctl_ids "${instance[@]}" deliveries) ;;
            drop) values=$(_jobwatchctl_ids "${instance[@]}" deliveries) ;;
            esac
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
}

complete -F _jobwatchctl jobwatchctl
