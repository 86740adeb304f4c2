-- Made the owner "so that migrations can run as it": policies no longer bind it.
grant create on schema public to role_readwrite;
alter table pets owner to role_readwrite;
